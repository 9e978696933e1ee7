/** The ways by which a driver can notify, the one that it prefers first. */
export const strategyNames = ["signal", "socket", "file"] as const;

/** The name of a strategy that a driver can use. */
export type StrategyName = (typeof strategyNames)[number];
