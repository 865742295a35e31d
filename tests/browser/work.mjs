export const work = [];
