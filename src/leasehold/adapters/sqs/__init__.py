"""Queues on Amazon SQS, by boto3. Needs the extra ``aws``."""
