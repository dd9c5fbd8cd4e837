// The colours that label maps are drawn in, by the name of the data, and an example of each to start from.

const FACADES = {
  background: "#0000de", wall: "#0030ff", window: "#007fff", door: "#00cfff", cornice: "#20ffe0", sill: "#70fe93",
  balcony: "#c0ff40", blind: "#fef002", decoration: "#fe9f02", moulding: "#fe5001", pillar: "#f70304", shop: "#ad0002",
};

// A house front: [colour, left, top, width, height], in 64ths of the side.
function front() {
  const parts = [["background", 0, 0, 64, 64], ["wall", 4, 6, 56, 58], ["cornice", 3, 5, 58, 3], ["moulding", 4, 24, 56, 1],
    ["moulding", 4, 42, 56, 1], ["shop", 6, 48, 18, 16], ["door", 28, 47, 9, 17], ["shop", 41, 48, 18, 16]];
  for (const top of [11, 28]) {
    for (const left of [8, 21, 34, 47]) {
      parts.push(["decoration", left - 1, top - 1, 10, 1], ["window", left, top, 8, 11], ["sill", left - 1, top + 11, 10, 1]);
    }
  }
  parts.push(["balcony", 20, 36, 23, 4], ["pillar", 4, 6, 2, 58], ["pillar", 58, 6, 2, 58]);
  return parts;
}

// The palette of what a model translates, if that is label maps: then pairs are turned round, or both ways are learnt.
export function paletteOf({ data = {} }) {
  const labels = data.right_to_left || data.task === "domains";
  return data.name === "facades" && labels ? { colours: FACADES, example: front() } : null;
}
