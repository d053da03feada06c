"""What a request says of a function's settings, each checked as AWS checks it."""
