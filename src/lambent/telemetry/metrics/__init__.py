"""What is measured of functions: recorded in memory, kept by the minute, read in CloudWatch's API."""
