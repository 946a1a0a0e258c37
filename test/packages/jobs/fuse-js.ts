import Fuse from "fuse.js";
import { defineJob } from "mayfly";

export default defineJob(() => {
  const books = [{ title: "Old Man's War" }, { title: "The Lock Artist" }, { title: "HTML5 for Web" }];
  return new Fuse(books, { keys: ["title"], threshold: 0.4 })
    .search("lok artst")
    .map(({ item, refIndex }) => [refIndex, item.title]);
});
