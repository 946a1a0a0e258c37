// What node:tty says where there is no terminal. The rest refuses (refuse.ts).

export default { isatty: () => false };
