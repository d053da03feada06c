package com.amazonaws.services.lambda.runtime;

/** The part of aws-lambda-java-core's interface that the tests' handlers use. */
public interface Context {
    String getAwsRequestId();

    String getFunctionName();

    String getInvokedFunctionArn();

    int getRemainingTimeInMillis();

    int getMemoryLimitInMB();

    ClientContext getClientContext();

    LambdaLogger getLogger();

    String getTenantId();
}
