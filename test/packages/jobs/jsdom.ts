import { JSDOM } from "jsdom";
import { defineJob } from "mayfly";

export default defineJob(() => new JSDOM("<p>hello</p>").window.document.querySelector("p")?.textContent);
