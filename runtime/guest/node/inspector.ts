// What node:inspector says where nobody debugs. The rest refuses (refuse.ts).

export default { url: () => undefined, close() {} };
