-- A relying party whose registration ends is told of every session there.
CREATE INDEX login_session_relying_party ON login_session (relying_party, ended_at);
