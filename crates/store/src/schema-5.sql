-- Schema version 5: who may use the program, what they did, what they decided; arguments of threat events as rows.

-- A person (or program) that logs in. Not an account of a forum: those are in `account`.
CREATE TABLE app_user (
  id         INTEGER PRIMARY KEY,
  name       TEXT NOT NULL CHECK (length(name) > 0),
  key        TEXT NOT NULL UNIQUE,             -- the name, lower-cased
  role       TEXT NOT NULL CHECK (role IN ('viewer', 'analyst', 'admin')),
  password   TEXT NOT NULL,                    -- argon2id in PHC form
  created    INTEGER NOT NULL,
  last_login INTEGER,
  disabled   INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1))
) STRICT;

-- A login. Only the hash of what the browser holds is here, so that a copy of the store opens no session.
CREATE TABLE session (
  hash    TEXT PRIMARY KEY,
  user_id INTEGER NOT NULL REFERENCES app_user(id) ON DELETE CASCADE,
  created INTEGER NOT NULL,
  seen    INTEGER NOT NULL,
  expires INTEGER NOT NULL
) STRICT;
CREATE INDEX session_user ON session (user_id);

-- A token for programs, hashed as well. `scopes` is a JSON array of 'read', 'write', 'admin'.
CREATE TABLE api_token (
  id        INTEGER PRIMARY KEY,
  user_id   INTEGER NOT NULL REFERENCES app_user(id) ON DELETE CASCADE,
  name      TEXT NOT NULL CHECK (length(name) > 0),
  hash      TEXT NOT NULL UNIQUE,
  scopes    TEXT NOT NULL,
  created   INTEGER NOT NULL,
  last_used INTEGER,
  expires   INTEGER
) STRICT;
CREATE INDEX api_token_user ON api_token (user_id);

-- Who did what: views of personal data, logins, all changes. It outlives the user, hence the name and no reference.
CREATE TABLE audit (
  id       INTEGER PRIMARY KEY,
  time     INTEGER NOT NULL,
  app_user TEXT,                               -- none without accounts, or when nobody was logged in
  action   TEXT NOT NULL,
  object   TEXT NOT NULL,
  address  TEXT NOT NULL
) STRICT;

-- A query that was kept; without an owner it is everyone's.
CREATE TABLE saved_search (
  id      INTEGER PRIMARY KEY,
  user_id INTEGER REFERENCES app_user(id) ON DELETE CASCADE,
  name    TEXT NOT NULL CHECK (length(name) > 0),
  query   TEXT NOT NULL,
  created INTEGER NOT NULL
) STRICT;

-- What analysts say of an account of a forum.
CREATE TABLE mark (
  account_id INTEGER PRIMARY KEY REFERENCES account(id),
  mark       TEXT NOT NULL CHECK (mark IN ('key', 'not_key', 'watch')),
  note       TEXT NOT NULL,
  app_user   TEXT,
  time       INTEGER NOT NULL
) STRICT;

-- Arguments of threat events, for filters; `key` is the value, lower-cased. Replaced with the threat events.
CREATE TABLE threat_argument (
  threat_id TEXT NOT NULL,
  role      TEXT NOT NULL,
  key       TEXT NOT NULL,
  value     TEXT NOT NULL
) STRICT;
CREATE INDEX threat_argument_threat ON threat_argument (threat_id, role);
INSERT INTO threat_argument (threat_id, role, key, value)
  SELECT t.id, json_extract(a.value, '$.role'), lower(json_extract(a.value, '$.value')), json_extract(a.value, '$.value')
  FROM threat t, json_each(t.arguments) a;
-- `lower` knows ASCII only: the next conclusion writes them as they should be.
DELETE FROM fact WHERE key = 'concluded';
CREATE INDEX event_mention_threat_post ON event_mention (threat_id, post_id);
