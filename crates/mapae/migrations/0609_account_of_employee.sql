-- An employee's accounts, closed ones too: a person's page and a loss report would read every account without it.
CREATE INDEX account_of_employee ON account (employee_id, created_at);
CREATE INDEX account_approval_account ON account_approval (account_id);
