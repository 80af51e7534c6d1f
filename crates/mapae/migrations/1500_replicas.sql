-- Jobs that one process does at a time. Each turn has a number one higher than the last; who writes for the job names it.
CREATE TABLE job_turn (
    job          TEXT   NOT NULL PRIMARY KEY,
    fence        BIGINT NOT NULL,
    confirmed_at BIGINT NOT NULL
);

-- Meetings face to face whose two phones may have come to different processes. What they say is encrypted between them,
-- and gone from here when it is carried. An embedded store has one process and needs no row.
CREATE TABLE in_person_meeting (
    channel  TEXT   NOT NULL PRIMARY KEY,       -- SHA-256 of the channel that the code tells
    phone    TEXT   NOT NULL,                   -- the process where the phone waits
    reader   TEXT,                              -- the process to which its one reader came
    met_at   BIGINT,                            -- when the phone's process noticed
    until_at BIGINT NOT NULL
);
CREATE INDEX in_person_meeting_until ON in_person_meeting (until_at);
CREATE TABLE in_person_message (
    channel TEXT   NOT NULL,
    side    TEXT   NOT NULL,                    -- who said it: phone | reader
    n       BIGINT NOT NULL,
    said    BLOB,                               -- NULL: that side is done
    PRIMARY KEY (channel, side, n)
);
