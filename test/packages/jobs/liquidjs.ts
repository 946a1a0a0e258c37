import { Liquid } from "liquidjs";
import { defineJob } from "mayfly";

export default defineJob(() =>
  new Liquid().parseAndRender(
    "{% for item in items %}{{ item.name | upcase }}: {{ item.price | times: 2 }}{% unless forloop.last %}, {% endunless %}{% endfor %}",
    {
      items: [
        { name: "tea", price: 4 },
        { name: "jam", price: 3 },
      ],
    },
  ),
);
