-- Schema version 8: posts that cannot be analysed.

-- A post that ended or failed its analysis by a model version again and again is set aside, so that the rest goes on. It is
-- pending again for another version, when its author changes it, or by `analyze --again`.
CREATE TABLE quarantine (
  post_id INTEGER PRIMARY KEY REFERENCES post(id),
  version TEXT NOT NULL,
  reason  TEXT NOT NULL,
  time    INTEGER NOT NULL
) STRICT;
