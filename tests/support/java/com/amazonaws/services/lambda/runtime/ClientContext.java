package com.amazonaws.services.lambda.runtime;

import java.util.Map;

public interface ClientContext {
    Map<String, String> getCustom();
}
