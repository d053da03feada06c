package com.amazonaws.services.lambda.runtime;

public enum LogLevel {
    DEBUG,
    INFO,
    ERROR
}
