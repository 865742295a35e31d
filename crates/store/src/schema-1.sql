-- ThreatMiner store, schema version 1. Times are unix seconds in UTC. The store is the only truth: search index and
-- graph are rebuilt from it. Everything below `post` is derived and can be recomputed by `analyze --again`.

-- A forum as a source of posts.
CREATE TABLE forum (
  id    INTEGER PRIMARY KEY,
  name  TEXT NOT NULL UNIQUE CHECK (length(name) > 0)
) STRICT;

-- A thread of a forum. `key` is the forum's own identifier, or its title where there is none.
CREATE TABLE thread (
  id       INTEGER PRIMARY KEY,
  forum_id INTEGER NOT NULL REFERENCES forum(id),
  key      TEXT NOT NULL,
  title    TEXT NOT NULL,
  board    TEXT,
  UNIQUE (forum_id, key)
) STRICT;

-- An account of a forum. `key` is the handle, lower-cased.
CREATE TABLE account (
  id       INTEGER PRIMARY KEY,
  forum_id INTEGER NOT NULL REFERENCES forum(id),
  key      TEXT NOT NULL CHECK (length(key) > 0),
  name     TEXT NOT NULL,
  UNIQUE (forum_id, key)
) STRICT;

-- A post. `external_id` is the forum's own identifier or derived from the content: with the forum it is what makes an
-- import idempotent.
CREATE TABLE post (
  id          INTEGER PRIMARY KEY,
  forum_id    INTEGER NOT NULL REFERENCES forum(id),
  external_id TEXT NOT NULL CHECK (length(external_id) > 0),
  thread_id   INTEGER NOT NULL REFERENCES thread(id),
  account_id  INTEGER REFERENCES account(id),
  time        INTEGER,
  text        TEXT NOT NULL CHECK (length(text) > 0),
  reply_to    TEXT,                            -- external_id of the answered post, which may not have arrived yet
  url         TEXT,
  -- Analysis. `analyzed` names the model version; a post whose name differs from the current one is pending.
  analyzed    TEXT,
  language    TEXT CHECK (language IN ('en', 'ru', 'zh', 'other')),
  relevance   REAL CHECK (relevance BETWEEN 0 AND 1),
  vector      BLOB,                            -- f32 little-endian, unit length; only of posts with events
  UNIQUE (forum_id, external_id)
) STRICT;
CREATE INDEX post_thread ON post (thread_id, time, id);
CREATE INDEX post_account ON post (account_id, time);
CREATE INDEX post_analyzed ON post (analyzed);

-- What a post quotes: the quoted post's identifier, its author's handle, or both.
CREATE TABLE quote (
  post_id INTEGER NOT NULL REFERENCES post(id),
  target  TEXT,
  author  TEXT,
  CHECK (target IS NOT NULL OR author IS NOT NULL)
) STRICT;
CREATE INDEX quote_post ON quote (post_id);

-- An entity: one row a type and normalised value.
CREATE TABLE entity (
  id    INTEGER PRIMARY KEY,
  type  TEXT NOT NULL,
  value TEXT NOT NULL,
  UNIQUE (type, value)
) STRICT;

-- Where an entity stands. Offsets count Unicode code points.
CREATE TABLE entity_mention (
  post_id    INTEGER NOT NULL REFERENCES post(id),
  entity_id  INTEGER NOT NULL REFERENCES entity(id),
  start      INTEGER NOT NULL CHECK (start >= 0),
  "end"      INTEGER NOT NULL CHECK ("end" >= start),
  source     TEXT NOT NULL CHECK (source IN ('pattern', 'model', 'gazetteer')),
  confidence REAL NOT NULL CHECK (confidence BETWEEN 0 AND 1)
) STRICT;
CREATE INDEX entity_mention_post ON entity_mention (post_id);
CREATE INDEX entity_mention_entity ON entity_mention (entity_id, post_id);

-- An event mention. Arguments are a JSON array of {role, start, end, text, confidence}: they are read with their
-- mention and never alone.
CREATE TABLE event_mention (
  id            INTEGER PRIMARY KEY,
  post_id       INTEGER NOT NULL REFERENCES post(id),
  type          TEXT NOT NULL,
  modality      TEXT NOT NULL CHECK (modality IN ('asserted', 'planned', 'hypothetical', 'asked', 'negated')),
  confidence    REAL NOT NULL CHECK (confidence BETWEEN 0 AND 1),
  trigger_start INTEGER NOT NULL CHECK (trigger_start >= 0),
  trigger_end   INTEGER NOT NULL CHECK (trigger_end > trigger_start),
  trigger_text  TEXT NOT NULL,
  arguments     TEXT NOT NULL CHECK (json_valid(arguments)),
  threat_id     TEXT
) STRICT;
CREATE INDEX event_mention_post ON event_mention (post_id);
CREATE INDEX event_mention_threat ON event_mention (threat_id);

-- A fused threat event; replaced as a whole by each fusion.
CREATE TABLE threat (
  id             TEXT PRIMARY KEY,
  type           TEXT NOT NULL,
  title          TEXT NOT NULL,
  status         TEXT NOT NULL CHECK (status IN ('asked', 'planned', 'active', 'discussed', 'negated')),
  severity       REAL NOT NULL CHECK (severity BETWEEN 0 AND 1),
  severity_parts TEXT NOT NULL CHECK (json_valid(severity_parts)),
  confidence     REAL NOT NULL CHECK (confidence BETWEEN 0 AND 1),
  first_seen     INTEGER,
  last_seen      INTEGER,
  arguments      TEXT NOT NULL CHECK (json_valid(arguments)),
  mentions       INTEGER NOT NULL CHECK (mentions > 0),
  posts          INTEGER NOT NULL CHECK (posts > 0)
) STRICT;

-- Standing of an account; replaced as a whole by each ranking. `parts` add up to `score`; `history` is the standing at
-- the end of each quarter.
CREATE TABLE standing (
  account_id INTEGER PRIMARY KEY REFERENCES account(id),
  rank       INTEGER NOT NULL CHECK (rank > 0),
  score      REAL NOT NULL,
  parts      TEXT NOT NULL CHECK (json_valid(parts)),
  fields     TEXT NOT NULL CHECK (json_valid(fields)),
  history    TEXT NOT NULL CHECK (json_valid(history)),
  answers    INTEGER NOT NULL
) STRICT;

-- An import of a file, so that it can be resumed and its refusals be read again.
CREATE TABLE import (
  id       INTEGER PRIMARY KEY,
  file     TEXT NOT NULL,
  digest   TEXT NOT NULL,                      -- size and time of change: another file under the same name is another import
  forum    TEXT NOT NULL,
  row      INTEGER NOT NULL,                   -- last row whose posts are stored
  stored   INTEGER NOT NULL,
  known    INTEGER NOT NULL,
  refused  INTEGER NOT NULL,
  finished INTEGER NOT NULL CHECK (finished IN (0, 1)),
  UNIQUE (file, digest, forum)
) STRICT;
CREATE TABLE reject (
  import_id INTEGER NOT NULL REFERENCES import(id),
  row       INTEGER NOT NULL,
  reason    TEXT NOT NULL,
  snippet   TEXT NOT NULL,
  UNIQUE (import_id, row)
) STRICT;

-- Small facts about the store itself, such as whether fusion has seen the newest analysis.
CREATE TABLE fact (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;
