"""What every app may use: errors, codes, encryption, outgoing HTTP, languages, the outbox. No models of its own."""
