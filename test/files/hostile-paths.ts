// Paths of the public traversal lists, by kind, written anew from their descriptions; none of them may lead anywhere.
const depths = [1, 2, 3, 8];
const ups = [
  "../",
  "..\\",
  "%2e%2e/",
  "%2e%2e%2f",
  "..%2f",
  "..%5c",
  "....//",
  "....\\/",
  ".../",
  "%252e%252e%252f",
  "..\\/",
];

/** FS-01: the way up, in its spellings, one to eight levels, at the beginning and in the middle. */
export const traversals: readonly string[] = [
  "..",
  ".",
  "./a",
  "a/./b",
  "/output/..",
  "/..",
  "a/../../b",
  "..\\a",
  "a\\..\\..\\b",
  "%2e%2e",
  "%c0%ae%c0%ae%2f",
  "..;/a\u0000",
  "../%2e./a",
  ...ups
    .flatMap((up) => depths.flatMap((depth) => [up.repeat(depth), "/output/"].map((at) => `${at}etc/passwd`)))
    .filter((path) => path !== "/output/etc/passwd"),
  ...ups.map((up) => `/output/${up.repeat(8)}etc/passwd`),
  ...ups.map((up) => `/data/${up}${up}outside/canary.txt`),
];

/** FS-02: what is absolute elsewhere: URLs, drives, shares, devices. */
export const foreign: readonly string[] = [
  "file:///etc/passwd",
  "file:/etc/passwd",
  "FILE:///etc/passwd",
  "/file:///etc/passwd",
  "http://127.0.0.1/",
  "data:,x",
  "C:\\Windows\\win.ini",
  "C:/Windows/win.ini",
  "/c:/Windows",
  "c:a",
  "//host/share",
  "\\\\host\\share",
  "\\\\?\\C:\\a",
  "\\\\.\\PhysicalDrive0",
  "//?/C:/a",
  "/output//etc/passwd",
  "///etc/passwd",
  "a//b",
  "a/",
  "",
];

/** FS-03 and FS-10: what no name may have in it. */
export const unnameable: readonly string[] = [
  "\0",
  "a\0",
  "a\0/b",
  "/output/a\0.txt",
  "/output/a.txt\0",
  "\0/etc/passwd",
  "a%00b",
  "a\nb",
  "a\rb",
  "a\tb",
  "a\u001b[2Jb",
  "a\u007f",
  "a\u0085b",
  "\ud800",
  "a\udc00b",
  "x".repeat(256),
  "é".repeat(128),
  `/output/${"x".repeat(256)}`,
];

/** FS-07: places of the host. For a job they are names like any other, and nothing is at them. */
export const hostPlaces: readonly string[] = [
  "/proc/self/environ",
  "/proc/self/root/etc/passwd",
  "/proc/self/cwd/package.json",
  "/proc/self/fd/0",
  "/proc/1/environ",
  "/proc/thread-self/maps",
  "/dev/null",
  "/dev/mem",
  "/dev/fd/0",
  "/dev/stdin",
  "/sys/kernel",
  "/etc/passwd",
  "/run/docker.sock",
  "/tmp",
];
