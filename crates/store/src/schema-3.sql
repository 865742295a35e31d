-- Schema version 3: state of what is collected.

-- What a crawl was pointed at, and how the last one went. One row an address: several may lead to one forum.
CREATE TABLE source (
  id          INTEGER PRIMARY KEY,
  url         TEXT NOT NULL UNIQUE CHECK (length(url) > 0),
  name        TEXT NOT NULL,                   -- as configured, else the forum's, else the host's
  forum       TEXT,                            -- under which its posts are stored, once known
  engine      TEXT,
  member      TEXT,                            -- account that the pages greeted; none for a guest
  state       TEXT NOT NULL CHECK (state IN ('running', 'good', 'login_needed', 'refused', 'challenge', 'down', 'unreadable')),
  reason      TEXT,
  started     INTEGER NOT NULL,
  ended       INTEGER,                         -- none while it runs, or when it was killed
  last_good   INTEGER,                         -- end of the last crawl that ended well
  figures     TEXT NOT NULL CHECK (json_valid(figures)),    -- of the last crawl: name and count
  shortfall   TEXT NOT NULL CHECK (json_valid(shortfall)),  -- where less was got than the forum counts
  problems    TEXT NOT NULL CHECK (json_valid(problems)),   -- the first of them in words
  page_url    TEXT,                            -- page that made the state bad, kept to look at
  page        TEXT
) STRICT;
