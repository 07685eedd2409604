"""The grader: reads what a pipeline left behind and says which of the assignment's promises it kept.

Imports configs/ only: no pipeline code and no Spark, so that it judges any submission, whoever wrote it.
"""

KIT_VERSION = "0.1.0"
