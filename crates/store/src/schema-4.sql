-- Schema version 4: communities, roles and alias candidates.

-- Community that an account belongs to (numbers stay from one ranking to the next) and the roles that it plays, a JSON
-- array of {role, strength, count, posts}.
ALTER TABLE standing ADD COLUMN community INTEGER;
ALTER TABLE standing ADD COLUMN roles TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(roles));

-- Accounts that may be one person: candidates, never merged. `verdict` is the analyst's and outlives new rankings.
CREATE TABLE alias (
  a           INTEGER NOT NULL REFERENCES account(id),
  b           INTEGER NOT NULL REFERENCES account(id),
  probability REAL NOT NULL CHECK (probability BETWEEN 0 AND 1),
  reasons     TEXT NOT NULL CHECK (json_valid(reasons)),  -- array of [words, weight in log-odds]
  verdict     TEXT CHECK (verdict IN ('accepted', 'rejected')),
  PRIMARY KEY (a, b),
  CHECK (a < b)
) STRICT;
CREATE INDEX alias_b ON alias (b);
