-- Schema version 6: watchlists, alert rules, channels, alerts and their deliveries. Times are unix seconds.

-- Names and values that rules watch for. `items` is a JSON array of text.
CREATE TABLE watchlist (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  name    TEXT NOT NULL UNIQUE CHECK (length(name) > 0),
  kind    TEXT NOT NULL CHECK (kind IN ('keyword', 'organization', 'cve', 'indicator', 'actor')),
  items   TEXT NOT NULL CHECK (json_valid(items)),
  created INTEGER NOT NULL
) STRICT;

-- Where alerts go. `settings` is a JSON object that depends on the kind and holds secrets.
CREATE TABLE alert_channel (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  name     TEXT NOT NULL UNIQUE CHECK (length(name) > 0),
  kind     TEXT NOT NULL CHECK (kind IN ('email', 'webhook', 'slack', 'telegram', 'syslog')),
  settings TEXT NOT NULL CHECK (json_valid(settings)),
  created  INTEGER NOT NULL
) STRICT;

-- When to ring. `conditions` is a JSON object; `channels` a JSON array of identifiers. A rule that looks at a state (who
-- is a key hacker) or at a rate is `primed` once it knows what was there before it.
CREATE TABLE alert_rule (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  name       TEXT NOT NULL UNIQUE CHECK (length(name) > 0),
  enabled    INTEGER NOT NULL CHECK (enabled IN (0, 1)),
  conditions TEXT NOT NULL CHECK (json_valid(conditions)),
  channels   TEXT NOT NULL CHECK (json_valid(channels)),
  digest     TEXT NOT NULL CHECK (digest IN ('now', 'hourly', 'daily')),
  primed     INTEGER NOT NULL CHECK (primed IN (0, 1)),
  created    INTEGER NOT NULL
) STRICT;

-- Posts whose analysis is stored and that no rule has judged yet: written with the analysis, taken off with the alerts.
CREATE TABLE alert_pending (
  post_id INTEGER PRIMARY KEY REFERENCES post(id)
) STRICT;

-- What a rule has rung for, or knew before it could ring: nothing rings twice.
CREATE TABLE alert_seen (
  rule_id INTEGER NOT NULL REFERENCES alert_rule(id) ON DELETE CASCADE,
  key     TEXT NOT NULL,
  PRIMARY KEY (rule_id, key)
) STRICT, WITHOUT ROWID;

-- Posts that a rule about rates has counted.
CREATE TABLE alert_hit (
  rule_id INTEGER NOT NULL REFERENCES alert_rule(id) ON DELETE CASCADE,
  post_id INTEGER NOT NULL REFERENCES post(id),
  time    INTEGER NOT NULL,
  PRIMARY KEY (rule_id, post_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX alert_hit_time ON alert_hit (rule_id, time);

-- An alert. Words are masked before they come here. It outlives its rule, and threat events are replaced by each fusion,
-- so neither is a foreign key.
CREATE TABLE alert (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  rule_id   INTEGER NOT NULL,
  rule_name TEXT NOT NULL,
  key       TEXT NOT NULL,
  time      INTEGER NOT NULL,                  -- when it rang
  posted    INTEGER,                           -- time of the post
  title     TEXT NOT NULL,
  severity  REAL NOT NULL CHECK (severity BETWEEN 0 AND 1),
  state     TEXT NOT NULL CHECK (state IN ('new', 'seen', 'closed')),
  threat_id TEXT,
  post_id   INTEGER REFERENCES post(id),
  account_id INTEGER REFERENCES account(id),
  start     INTEGER CHECK (start >= 0),        -- evidence in the post, code points
  stop      INTEGER CHECK (stop >= start),
  sentence  TEXT
) STRICT;
CREATE INDEX alert_rule_time ON alert (rule_id, time);
CREATE INDEX alert_state ON alert (state, id);

-- What has to reach a channel: stored before it is tried, kept as the log. `key` gathers the alerts of a digest.
CREATE TABLE delivery (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  key          TEXT NOT NULL UNIQUE,
  channel_id   INTEGER NOT NULL,
  channel_name TEXT NOT NULL,
  kind         TEXT NOT NULL CHECK (kind IN ('alerts', 'test')),
  state        TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'given_up')),
  created      INTEGER NOT NULL,
  due          INTEGER NOT NULL,               -- first try
  next_try     INTEGER NOT NULL,
  attempts     INTEGER NOT NULL CHECK (attempts >= 0),
  finished     INTEGER,
  detail       TEXT                            -- what the last try said
) STRICT;
CREATE INDEX delivery_next ON delivery (state, next_try);
CREATE INDEX delivery_channel ON delivery (channel_id, id);
CREATE TABLE delivery_alert (
  delivery_id INTEGER NOT NULL REFERENCES delivery(id),
  alert_id    INTEGER NOT NULL REFERENCES alert(id),
  PRIMARY KEY (delivery_id, alert_id)
) STRICT, WITHOUT ROWID;
