// The files of a drop, of which some may be folders in folders; each with its path as its name.
const IMAGE = /\.(png|jpe?g|bmp|tiff?|webp|gif|pgm|ppm)$/i;

function entriesOf(folder) {
  const reader = folder.createReader();
  const some = () => new Promise((resolve, reject) => reader.readEntries(resolve, reject));
  return (async () => {
    const all = [];
    // A browser hands them out in parts; an empty one is the last.
    for (let part = await some(); part.length; part = await some()) all.push(...part);
    return all;
  })();
}

async function filesOf(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [{ file, name: entry.fullPath.replace(/^\//, "") }];
  }
  const files = [];
  for (const inner of await entriesOf(entry)) files.push(...(await filesOf(inner)));
  return files;
}

// A file that somebody names is an image to them; of a folder, only what looks like one.
export async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  const files = [];
  for (const entry of entries) {
    const found = await filesOf(entry);
    files.push(...(entry.isFile ? found : found.filter(({ name }) => IMAGE.test(name))));
  }
  return files;
}

export function chosen(input) {
  const files = [...input.files].map((file) => ({ file, name: file.webkitRelativePath || file.name }));
  return input.webkitdirectory ? files.filter(({ name }) => IMAGE.test(name)) : files;
}
