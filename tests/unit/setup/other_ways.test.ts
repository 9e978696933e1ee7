import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { toolPlaces } from "../../../criu/places.ts";
import { otherWays } from "../../../setup/other_ways.ts";
import { criuTool, vulkanTool } from "../../../setup/tools.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

const noApt = "apt-get is missing";
const noKeys = "the keys of Debian are missing (package debian-archive-keyring)";

/** What is advised for a system with this os-release(5) and these programs. */
function ways(
  osRelease: string,
  programs: readonly string[] = [],
  reason = noApt,
  tool = criuTool,
  place = toolPlaces()[0] as string,
): string[] {
  using directory = temporaryDirectory();
  for (const name of programs) writeFileSync(join(directory.path, name), "", { mode: 0o755 });
  return otherWays(tool, reason, place, osRelease, [directory.path]);
}

test("a distribution that has CRIU 4.2 is named with the command that installs it, and no older release of it", () => {
  const fedora = (version: number): string =>
    `ID=fedora\nVERSION_ID=${version}\nPRETTY_NAME="Fedora Linux ${version} (Server)"\n`;
  assert.deepEqual(ways(fedora(43))[0], "sudo dnf install criu   (Fedora Linux 43 (Server) has CRIU 4.2)");
  assert.equal(ways(fedora(41)).length, 1);
  assert.match(ways("ID=arch\nPRETTY_NAME='Arch Linux'\n")[0] ?? "", /^sudo pacman -S criu {3}\(Arch Linux has/);
  const ubuntu = (version: string): string => `ID=ubuntu\nID_LIKE=debian\nVERSION_ID="${version}"\n`;
  assert.match(ways(ubuntu("26.04"))[0] ?? "", /^sudo apt-get install criu/);
  assert.equal(ways(ubuntu("25.10")).length, 1);
  assert.equal(ways("ID=alpine\nVERSION_ID=3.23\n").length, 1);
});

test("of a distribution that is like another only the command is known", () => {
  const unknown = /^sudo \S+ \S+ criu {3}\(if that is CRIU 4\.2 or newer\)$/;
  assert.match(ways('ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="10.1"\n')[0] ?? "", unknown);
  assert.match(ways('ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"\n')[0] ?? "", unknown);
});

test("where Debian's keys are missing, their package is named, and the set-up again", () => {
  const [keys] = ways("ID=linuxmint\nID_LIKE='ubuntu debian'\n", ["apt-get"], noKeys).slice(1);
  assert.match(keys ?? "", /^sudo apt-get install debian-archive-keyring, and then: npm .*run setup$/);
});

test("a container's image is always a way, by the program that is there", () => {
  const last = (programs: readonly string[], tool = criuTool): string =>
    ways("", programs, noApt, tool).at(-1) as string;
  assert.match(last([]), /^With podman or docker installed: npm .*run setup -- --from-image$/);
  assert.match(last(["docker"]), /^With docker: npm .*run setup -- --from-image$/);
  assert.match(last(["docker", "podman"]), /^With podman: /);
  assert.match(last(["podman"], vulkanTool), /run setup -- --gpu --from-image$/);
  assert.equal(ways("ID=fedora\nVERSION_ID=43\n", [], noApt, vulkanTool).length, 1);
});

test("what is advised for a directory of the user's choice names it", () => {
  const advised = ways("", ["podman"], noKeys, criuTool, "/srv/my tools");
  assert.match(advised[0] ?? "", /run setup -- --prefix '\/srv\/my tools'$/);
  assert.match(advised[1] ?? "", /run setup -- --prefix '\/srv\/my tools' --from-image$/);
});

test("what os-release says drives no terminal", () => {
  assert.doesNotMatch(ways("ID=fedora\nVERSION_ID=43\nPRETTY_NAME=\u001b[31mx\n").join(), /\p{Cc}/u);
});
