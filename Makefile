# Every command of the kit, one line each; `make` alone lists them. The code is in scripts/ and grader/.
#
# Variables: ROLLNUMBER, CONFIG (a file like configs/orders_stream.yml), PYTHON (3.10 to 3.12),
#            SPARK_MASTER, SERVICES=embedded|docker|external, PROGRAMS (a folder: whose producer and consumer run),
#            SUBMISSIONS, OUT, WORKERS, ROSTER, ONLY, ASSIGNMENT, LIVE, LOAD, SANDBOX, SCHEDULER (of grade-class; see
#            docs/instructor.md). OUT is also of handout, site, submit, gradescope,
#            github-classroom and starter, LEVEL and VERIFY of starter,
#            WEB, PORT (of watch), ARGS (of grade, handout, site, pictures, psql, kafka-topics, kafka-console and pyspark)
export ROLLNUMBER CONFIG PYTHON SPARK_MASTER SERVICES DRILL SEED RUNS PROGRAMS RECORD ARGS WEB PORT \
       SUBMISSIONS OUT WORKERS ROSTER ONLY ASSIGNMENT LIVE LOAD SANDBOX SCHEDULER LEVEL VERIFY
.DEFAULT_GOAL := help
.PHONY: help setup doctor up down status watch logs db topic producer consumer start stop round1 round2 round3 round4 load grade grade-class class-demo psql kafka-topics kafka-console pyspark submit gradescope github-classroom demo check test lint docs docs-check starter handout site pictures fidelity fuzz drills bench clean reset

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /  make \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 25

setup: ## install a venv, the packages, Java 17 and the jars
	@scripts/kit setup

doctor: ## list what this machine lacks, and what to do about each
	@scripts/kit scripts doctor

up: ## start Postgres, Kafka and what else the config has
	@scripts/kit scripts up

down: ## stop the programs, Kafka and Postgres; the data is kept
	@scripts/kit scripts down

status: ## show what runs, and how far the rows are
	@scripts/kit scripts status

watch: ## show live how the rows move; WEB=1 as a local page
	@scripts/kit scripts watch

logs: ## show the end of every log
	@scripts/kit scripts logs

db: ## create the orders table with its base rows
	@scripts/kit scripts db

topic: ## create the Kafka topic; list and describe it
	@scripts/kit scripts topic

producer: ## run the producer in the foreground; Ctrl-C stops it
	@scripts/kit scripts producer

consumer: ## run the consumer in the foreground; Ctrl-C stops it
	@scripts/kit scripts consumer

start: ## start both programs in the background
	@scripts/kit scripts start

stop: ## stop both programs
	@scripts/kit scripts stop

round1: ## insert 5 rows, wait for them, record what changed
	@scripts/kit scripts round1

round2: ## the same with 5 later rows
	@scripts/kit scripts round2

round3: ## the same with 10 orders, 5 of them bad: 5 may arrive
	@scripts/kit scripts round3

round4: ## other bad messages, on a lake of its own: advice
	@scripts/kit scripts round4

load: ## four writers for 20 s, on a lake of its own: advice
	@scripts/kit scripts load

grade: ## grade lake, checkpoint and state. ARGS=--all shows more
	@scripts/kit grader grade $(ARGS)

grade-class: ## grade the submissions in SUBMISSIONS=dir; LIVE=1
	@scripts/kit scripts.classroom

class-demo: ## grade the small class of tests/submissions live
	@scripts/kit tests.submissions.class_demo

psql: ## open psql on the database; ARGS="-c 'select 1'"
	@scripts/kit scripts psql

kafka-topics: ## list the topics; ARGS="--describe" shows partitions
	@scripts/kit scripts kafka-topics

kafka-console: ## print the topic's messages; ARGS="--follow" waits
	@scripts/kit scripts kafka-console

pyspark: ## open a Spark shell with the lake as the view orders
	@scripts/kit scripts pyspark

submit: ## check, grade and pack what you hand in
	@scripts/kit scripts submit

gradescope: ## write OUT=autograder.zip for Gradescope
	@scripts/kit scripts.platforms gradescope

github-classroom: ## write a grading workflow for GitHub into OUT=dir
	@scripts/kit scripts.platforms github-classroom

demo: ## setup, up, db, topic, round1, round2, grade, down
	@scripts/kit scripts demo

check: ## run the fast tests: no services, JVM or browser
	@scripts/kit pytest -n logical --maxprocesses 4 -m "not services and not jvm and not venv and not browser and not slow"

test: ## run all tests, with real services on their own ports
	@scripts/kit pytest -n 2 --dist loadfile

lint: ## run ruff, mypy, the import layers and docs-check
	@scripts/kit ruff format --check . && scripts/kit ruff check . && scripts/kit mypy && scripts/kit scripts.layers && scripts/kit scripts.documents --check

docs: ## write the generated documents again
	@scripts/kit scripts.documents

docs-check: ## name each generated document that is out of date
	@scripts/kit scripts.documents --check

starter: ## write the student's kit, verified, to OUT=dir; LEVEL=
	@scripts/kit scripts.starter

handout: ## write the assignment as Markdown, HTML and PDF to OUT=
	@scripts/kit scripts.handout $(ARGS)

site: ## write the documents as a site for a browser to OUT=
	@scripts/kit scripts.site $(ARGS)

pictures: ## take the pictures of docs/pictures/ again
	@scripts/kit scripts.pictures $(ARGS)

fidelity: ## plant every known mistake: does the grader catch it?
	@scripts/kit scripts.fidelity

fuzz: ## grade N=10000 randomly damaged submissions
	@scripts/kit grader.selftest.fuzz --runs $(or $(N),10000)

drills: ## inject faults: DRILL=name, RUNS=n, PROGRAMS=naive
	@scripts/kit scripts.drills

bench: ## measure, and write docs/benchmarks.md
	@scripts/kit scripts.bench

clean: ## remove reports, logs and caches
	@scripts/kit scripts clean

reset: ## stop everything and remove all that running has made
	@scripts/kit scripts reset
