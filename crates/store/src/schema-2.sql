-- Schema version 2: collection over the network. Runs with foreign keys off (SQLite cannot drop a CHECK in place, so `post`
-- is rebuilt under its old name).

-- A post of nothing but a quote or a picture is a post as well: it says who answers whom. `links` are the addresses that the
-- text links to, whole; `mentions` the handles that the forum marks as addressed; both JSON arrays of text.
CREATE TABLE post_2 (
  id          INTEGER PRIMARY KEY,
  forum_id    INTEGER NOT NULL REFERENCES forum(id),
  external_id TEXT NOT NULL CHECK (length(external_id) > 0),
  thread_id   INTEGER NOT NULL REFERENCES thread(id),
  account_id  INTEGER REFERENCES account(id),
  time        INTEGER,
  edited      INTEGER,
  text        TEXT NOT NULL,
  reply_to    TEXT,                            -- external_id of the answered post, which may not have arrived yet
  url         TEXT,
  links       TEXT CHECK (json_valid(links)),
  mentions    TEXT CHECK (json_valid(mentions)),
  -- Analysis. `analyzed` names the model version; a post whose name differs from the current one is pending.
  analyzed    TEXT,
  language    TEXT CHECK (language IN ('en', 'ru', 'zh', 'other')),
  relevance   REAL CHECK (relevance BETWEEN 0 AND 1),
  vector      BLOB,                            -- f32 little-endian, unit length; only of posts with events
  UNIQUE (forum_id, external_id)
) STRICT;
INSERT INTO post_2 (id, forum_id, external_id, thread_id, account_id, time, text, reply_to, url, analyzed, language, relevance, vector)
  SELECT id, forum_id, external_id, thread_id, account_id, time, text, reply_to, url, analyzed, language, relevance, vector FROM post;
DROP TABLE post;
ALTER TABLE post_2 RENAME TO post;
CREATE INDEX post_thread ON post (thread_id, time, id);
CREATE INDEX post_account ON post (account_id, time);
CREATE INDEX post_analyzed ON post (analyzed);

-- Pinned threads.
ALTER TABLE thread ADD COLUMN sticky INTEGER NOT NULL DEFAULT 0 CHECK (sticky IN (0, 1));

-- Earlier words of a post that its author changed.
CREATE TABLE revision (
  post_id INTEGER NOT NULL REFERENCES post(id),
  edited  INTEGER,                             -- when these words were written, where the forum told
  text    TEXT NOT NULL
) STRICT;
CREATE INDEX revision_post ON revision (post_id);

-- What a crawl has seen: state of boards, threads and pages under the crawler's own keys.
CREATE TABLE crawl_mark (
  forum_id INTEGER NOT NULL REFERENCES forum(id),
  key      TEXT NOT NULL,
  value    TEXT NOT NULL CHECK (length(value) > 0),
  PRIMARY KEY (forum_id, key)
) STRICT, WITHOUT ROWID;
