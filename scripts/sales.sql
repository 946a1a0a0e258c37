-- The warehouse of the example job sales-rollup: table public.sales with 4,800 rows over 24 months, November 2024 to
-- October 2026. The same rows every time; running it again changes nothing.
CREATE TABLE IF NOT EXISTS public.sales (
  id           integer PRIMARY KEY,
  sold_on      date    NOT NULL,
  region       text    NOT NULL,
  product      text    NOT NULL,
  quantity     integer NOT NULL CHECK (quantity > 0),
  amount_cents bigint  NOT NULL CHECK (amount_cents > 0)
);

INSERT INTO public.sales (id, sold_on, region, product, quantity, amount_cents)
SELECT
  n,
  date '2024-11-01' + (n * 730 / 4801),
  (ARRAY['north', 'east', 'south', 'west', 'online'])[1 + mixed % 5],
  (ARRAY['lamp', 'chair', 'desk', 'shelf', 'rug', 'clock', 'mirror'])[1 + mixed / 5 % 7],
  1 + mixed / 35 % 9,
  -- a price from 19.90 to 318.90, more in December, growing by a half over the two years
  ((1 + mixed / 35 % 9)::bigint * (1990 + mixed / 315 % 300 * 100)
    * (CASE WHEN extract(month FROM date '2024-11-01' + (n * 730 / 4801)) = 12 THEN 130 ELSE 100 END)
    * (9600 + n)) / 960000
FROM (
  -- Knuth's multiplicative hash: spread, and repeatable
  SELECT n, ((n::bigint * 2654435761) % 4294967296 / 16)::integer AS mixed
  FROM generate_series(1, 4800) AS n
) AS spread
ON CONFLICT (id) DO NOTHING;
