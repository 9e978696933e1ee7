/** The version of this package: a constant, for a module that came from a URL or a bundle has no package.json beside it. */
export const version = "0.1.0";
