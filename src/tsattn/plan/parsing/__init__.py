"""The offline parser's parts, in the order of the flow: words, tagging, grammar, reading, clauses, subjects, story."""
