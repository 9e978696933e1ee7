/** Something that the set-up unpacks from Debian packages. */
export interface Tool {
  /** Its directory below the prefix. */
  readonly name: string;
  /** For messages. */
  readonly title: string;
  /** Unpacks it; runs after debian.sh. */
  readonly script: URL;
  /** What starts it, if that is no file of its packages: becomes `bin/<name>`. */
  readonly start?: URL;
}

/** CRIU with all that it links. */
export const criuTool: Tool = {
  name: "criu",
  title: "CRIU",
  script: new URL("./criu.sh", import.meta.url),
  start: new URL("./criu_start.sh", import.meta.url),
};

/** A Vulkan loader and a Vulkan device in software. */
export const vulkanTool: Tool = {
  name: "vulkan",
  title: "a Vulkan device in software",
  script: new URL("./vulkan.sh", import.meta.url),
};
