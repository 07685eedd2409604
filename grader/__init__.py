"""The grader: reads the files and tables of a pipeline, and checks the requirements of the assignment.

It imports only configs/: no pipeline code and no Spark. So it can judge any submission.
"""

KIT_VERSION = "0.1.0"
