-- Statistics count without opening anything: how many serve in each agency.
CREATE INDEX employee_statistics ON employee (agency_code, status);
