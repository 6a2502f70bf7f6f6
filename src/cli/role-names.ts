/** Roles that a process can take, in the order in which they are opened: who consumes pushes comes first. */
export const ROLES = ['trigger', 'builder', 'planner'] as const;
export type Role = (typeof ROLES)[number];
