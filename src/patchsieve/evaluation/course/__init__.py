"""The course project's protocol: train/good and train/bad, labelled, and a test folder that nobody has labelled.

In come such a folder and an unfitted detector; out come the scores of all labelled images by models that have not seen
them, what these say about the detector, and predictions for the unlabelled images, as a `CourseResult` and as two CSV
files.
"""

from patchsieve.evaluation.course.protocol import CourseFit, CourseResult, course_protocol
from patchsieve.evaluation.course.tables import COLUMNS, prediction_rows, training_rows
from patchsieve.evaluation.course.threshold_rule import ThresholdRule

__all__ = [
    "COLUMNS",
    "CourseFit",
    "CourseResult",
    "ThresholdRule",
    "course_protocol",
    "prediction_rows",
    "training_rows",
]
