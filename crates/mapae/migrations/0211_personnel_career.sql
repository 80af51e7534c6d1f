-- Posts of each official, one after the other. What a post is and where lies sealed.
CREATE TABLE personnel_post (
    id          TEXT   NOT NULL PRIMARY KEY,
    employee_id TEXT   NOT NULL,
    from_day    BIGINT NOT NULL,               -- days from 1970-01-01, in Korea
    until_day   BIGINT,                        -- the last day of it; null: it goes on
    origin      TEXT   NOT NULL CHECK (origin IN ('record', 'told')),  -- followed from the record, or told as history
    sealed      BLOB   NOT NULL,               -- agency, department, position, rank, status, kind of appointment
    updated_at  BIGINT NOT NULL,
    UNIQUE (employee_id, from_day),
    CHECK (until_day IS NULL OR until_day >= from_day)
);
-- One post goes on, at most: the database keeps this.
CREATE UNIQUE INDEX personnel_post_open ON personnel_post (employee_id) WHERE until_day IS NULL;
