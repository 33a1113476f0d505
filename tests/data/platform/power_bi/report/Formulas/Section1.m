section Section1;

shared Orders = let
    Source = Json.Document(Web.Contents("https://api.example.org", [Headers=[#"X-Api-Key"="VALUE-1"]]))
in
    Source;

shared #"Api key" = "VALUE-2" meta [IsParameterQuery=true, Type="Text"];
