-- Which departments somebody decides for: asked for each look at the approval queue.
CREATE INDEX department_head ON department (head_id);
CREATE INDEX department_deputy_employee ON department_deputy (employee_id);
