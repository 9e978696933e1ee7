import { Option } from "commander";

/** `--clock` of the commands that restore. Without a default: what is given and cannot be is an error. */
export function clockOption(): Option {
  const what =
    "whether timers go on by the wall clock, so that what fell due is done at once, or continue where they were";
  return new Option("--clock <how>", `${what} (default: wall, where it can be)`).choices(["wall", "continue"]);
}
