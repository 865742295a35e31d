-- Schema version 8: posts that cannot be analysed; see ../schema-8.sql.
CREATE TABLE quarantine (
  post_id BIGINT PRIMARY KEY REFERENCES post(id),
  version TEXT COLLATE "C" NOT NULL,
  reason  TEXT COLLATE "C" NOT NULL,
  time    BIGINT NOT NULL
);
