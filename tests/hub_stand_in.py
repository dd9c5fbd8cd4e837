"""A stand-in for Hugging Face's hub: what a repository takes of its HTTP interface."""

import base64
import hashlib
import http.server
import json
import threading
from urllib.parse import unquote, urlsplit

TOKEN, USER = "hf_ofthetests", "ada"
LFS = (".keras", ".pb", ".png", ".index")  # and what is of no known kind: files that go by Git's large file storage


class Hub:
    """Repositories, by "user/name": {path: content}; what was asked for; and what is to go wrong."""

    def __init__(self):
        self.repositories, self.private, self.asked, self.objects = {}, {}, [], {}
        self.answers = {}  # {(method, how a path ends): status} that are given instead
        self.cut_short = False  # whether files come without their end
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                hub.answer(self, self.command)

            do_HEAD = do_POST = do_PUT = do_GET

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def sha(self, repository):
        said = sorted(
            (path, hashlib.sha1(content).hexdigest()) for path, content in self.repository(repository).items()
        )
        return hashlib.sha1(json.dumps([repository, said]).encode()).hexdigest()

    def repository(self, name):
        return self.repositories[name]

    def answer(self, handler, method):
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(handler.path).path)
        self.asked.append((method, path))
        known = handler.headers.get("Authorization") == f"Bearer {TOKEN}"
        for (its, end), status in self.answers.items():
            if its == method and path.endswith(end):
                return self.send(handler, status, {"error": "as the test wants it"})
        try:
            status, said, headers = self.found(method, path, body, known)
        except KeyError:
            status, said, headers = 404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"}
        return self.send(handler, status, said, headers)

    def send(self, handler, status, said, headers=()):
        content = said if isinstance(said, bytes) else json.dumps(said).encode()
        handler.send_response(status)
        for name, value in dict(headers).items():
            handler.send_header(name, value)
        short = self.cut_short and isinstance(said, bytes) and handler.command == "GET"
        handler.send_header("Content-Length", str(len(content) - short))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(content[: len(content) - short])

    def found(self, method, path, body, known):
        """Return status, content and headers of an answer; KeyError for a repository that there is not."""
        parts = path.strip("/").split("/")
        its = json.loads(body) if method == "POST" and not path.endswith(("/commit/main", "/verify")) else None
        if method != "GET" and method != "HEAD" and not known and not path.startswith("/objects/"):
            return 401, {"error": "Invalid username or password."}, {}
        if path == "/api/whoami-v2":
            return (200, {"name": USER, "type": "user"}, {}) if known else (401, {"error": "Invalid token"}, {})
        if path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}, {}
        if path == "/api/repos/create":
            name = f"{its.get('organization') or USER}/{its['name']}"
            if not name.startswith(f"{USER}/"):
                return 403, {"error": f"You don't have the rights to create a model under {name}"}, {}
            self.repositories[name] = {".gitattributes": b""}
            self.private[name] = its.get("private") or its.get("visibility") == "private"
            return 200, {"url": f"{self.address}/{name}"}, {}
        if path.endswith("/info/lfs/objects/batch"):
            actions = [
                {**one, "actions": {"upload": {"href": f"{self.address}/objects/{one['oid']}"}}}
                for one in its["objects"]
            ]
            return 200, {"transfer": "basic", "objects": actions}, {"Content-Type": "application/vnd.git-lfs+json"}
        if parts[0] == "objects":
            self.objects[parts[1]] = body
            return 200, {}, {}
        if parts[:2] == ["api", "models"]:
            return self.of_repository("/".join(parts[2:4]), parts[4:], its, body, known)
        name = "/".join(parts[:2])
        content = self.repository(name)["/".join(parts[4:])]  # user/name/resolve/revision/path
        about = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": self.sha(name)}
        return 200, content, about

    def of_repository(self, name, what, its, body, known):
        files = self.repository(name)
        if self.private[name] and not known:
            raise KeyError(name)
        if what[:1] == ["preupload"]:
            kinds = [
                (f["path"], "lfs" if f["path"].endswith(LFS) or "data-" in f["path"] else "regular")
                for f in its["files"]
            ]
            return 200, {"files": [{"path": p, "uploadMode": k, "shouldIgnore": False} for p, k in kinds]}, {}
        if what[:1] == ["commit"]:
            if not name.startswith(f"{USER}/"):
                return 403, {"error": "You have no rights to this model"}, {}
            for line in map(json.loads, body.splitlines()):
                its = line["value"]
                if line["key"] == "file":
                    files[its["path"]] = base64.b64decode(its["content"])
                elif line["key"] == "lfsFile":
                    files[its["path"]] = self.objects[its["oid"]]
                elif line["key"] == "deletedFile":
                    del files[its["path"]]
            sha = self.sha(name)
            return 200, {"commitUrl": f"{self.address}/{name}/commit/{sha}", "commitOid": sha}, {}
        if what[:1] == ["tree"]:
            return (
                200,
                [
                    {"type": "file", "path": p, "size": len(c), "oid": hashlib.sha1(c).hexdigest()}
                    for p, c in files.items()
                ],
                {},
            )
        if what[:1] == ["revision"] and what[1] not in ("main", self.sha(name)):
            return 404, {"error": "Invalid rev id"}, {"X-Error-Code": "RevisionNotFound"}
        siblings = [{"rfilename": path} for path in files]
        return 200, {"id": name, "sha": self.sha(name), "private": self.private[name], "siblings": siblings}, {}
