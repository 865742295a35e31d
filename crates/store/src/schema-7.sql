-- Schema version 7: corrections by analysts.

-- What an analyst corrected, in the order in which it was said. A correction speaks of a place in a post, because identifiers
-- of mentions change with each analysis; `words` are the words of that place when it was made: where the post has others
-- now, the correction rests. `body` is the correction as JSON. Corrections outlive analyses and are applied to each.
CREATE TABLE label (
  id            INTEGER PRIMARY KEY,
  time          INTEGER NOT NULL,
  author        TEXT,                          -- who, where users have names
  kind          TEXT NOT NULL CHECK (kind IN ('relevance', 'event', 'nothing', 'same', 'different')),
  post_id       INTEGER NOT NULL REFERENCES post(id),
  trigger_start INTEGER,                       -- of the mention that is corrected; none for relevance
  trigger_end   INTEGER,
  words         TEXT NOT NULL,
  body          TEXT NOT NULL CHECK (json_valid(body)),
  note          TEXT
) STRICT;
CREATE INDEX label_post ON label (post_id, id);

-- The correction that a mention comes from; none for what the model found.
ALTER TABLE event_mention ADD COLUMN label_id INTEGER;
