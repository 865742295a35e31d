-- Schema version 9: what the search index follows.

-- Each change of a post (stored, edited, analysed) gives it the next number: whoever has seen all up to a number asks for
-- what is above. Numbers are unique.
ALTER TABLE post ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
UPDATE post SET changed = id;
CREATE INDEX post_changed ON post (changed);

-- What tells this store from any other, so that an index of another one is not taken for its own.
INSERT INTO fact (key, value) VALUES ('identity', lower(hex(randomblob(16))));
