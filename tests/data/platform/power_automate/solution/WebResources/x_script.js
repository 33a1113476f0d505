var headers = {"x-api-key": "VALUE-1"};
