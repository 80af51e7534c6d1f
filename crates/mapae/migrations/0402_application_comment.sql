-- What those who may see an application say about it; some of it for the applicant, too.
CREATE TABLE application_comment (
    id TEXT NOT NULL PRIMARY KEY,
    application_id TEXT NOT NULL,
    author_id TEXT NOT NULL,
    body BLOB NOT NULL,                -- sealed
    for_applicant BIGINT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX application_comment_of ON application_comment (application_id, id);

-- What the HR record said when the application was first sent, sealed, and deleted with the application's end: so that who
-- decides sees what has changed since.
CREATE TABLE application_said (
    application_id TEXT NOT NULL PRIMARY KEY,
    said BLOB NOT NULL,
    at BIGINT NOT NULL
);
