/** Puts a link to one of VICTIMS at `.criu-aware.ID` in the directory OWN, and in place of whatever else of such a name appears. */
import { readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";

const [own, id, ...victims] = process.argv.slice(2) as [string, string, ...string[]];
const attempt = <T>(act: () => T): T | undefined => {
  try {
    return act();
  } catch {
    return undefined;
  }
};
const put = (name: string, turn: number): void => symlinkSync(victims[turn % victims.length] as string, name);
attempt(() => put(`${own}/.criu-aware.${id}`, 0));
console.log("swapping");
for (let turn = 0; ; turn++) {
  for (const name of readdirSync(own)) {
    const path = `${own}/${name}`;
    if (!name.startsWith(".criu-aware.") || attempt(() => readlinkSync(path))) continue;
    attempt(() => renameSync(path, `${own}/away`));
    attempt(() => put(path, turn));
  }
  attempt(() => rmSync(`${own}/away`, { recursive: true, force: true }));
}
