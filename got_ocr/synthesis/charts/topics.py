"""What charts are about: subjects with their titles, units, categories and series."""

from dataclasses import dataclass

COUNTRIES = (
    "China", "India", "United States", "Indonesia", "Brazil", "Nigeria", "Japan", "Mexico", "Germany", "France",
    "United Kingdom", "Italy", "South Korea", "Spain", "Canada", "Australia", "Netherlands", "Sweden", "Norway",
    "Poland", "Turkey", "Egypt", "Kenya", "South Africa", "Argentina", "Chile", "Peru", "Vietnam", "Thailand",
    "Portugal", "Greece", "Finland", "Denmark", "Ireland", "Austria", "Switzerland", "Belgium", "Morocco",
)  # fmt: skip
CITIES = (
    "London", "Paris", "Tokyo", "New York", "Berlin", "Madrid", "Rome", "Toronto", "Sydney", "Mumbai", "Beijing",
    "Shanghai", "Cairo", "Lagos", "Lima", "Oslo", "Vienna", "Dublin", "Seoul", "Bangkok", "Chicago", "Boston",
)  # fmt: skip
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
AGES = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+", "Under 18")
PRODUCTS = (
    "Laptops", "Tablets", "Phones", "Cameras", "Printers", "Monitors", "Headphones", "Keyboards", "Routers",
    "Speakers", "Smart watches", "Televisions",
)  # fmt: skip
FOODS = (
    "Apples", "Bananas", "Oranges", "Grapes", "Rice", "Wheat", "Maize", "Potatoes", "Tomatoes", "Milk", "Coffee",
    "Tea", "Sugar", "Beef", "Poultry", "Fish", "Cheese", "Eggs",
)  # fmt: skip
ENERGY = ("Coal", "Natural gas", "Oil", "Nuclear", "Hydropower", "Wind", "Solar", "Biomass", "Geothermal")
DEPARTMENTS = (
    "Sales", "Marketing", "Research", "Finance", "Human resources", "Production", "Logistics", "Legal", "IT",
    "Support",
)  # fmt: skip
SUBJECTS = ("Mathematics", "Physics", "Chemistry", "Biology", "History", "Geography", "English", "Music", "Art")
SPORTS = (
    "Football",
    "Basketball",
    "Tennis",
    "Swimming",
    "Cycling",
    "Running",
    "Volleyball",
    "Golf",
    "Rugby",
    "Hockey",
)
TRANSPORT = ("Car", "Bus", "Train", "Bicycle", "Walking", "Metro", "Tram", "Motorcycle", "Ferry", "Plane")
ANSWERS = ("Strongly agree", "Agree", "Neutral", "Disagree", "Strongly disagree", "No answer", "Don't know")
GENDERS = ("Men", "Women")
SECTORS = ("Agriculture", "Industry", "Services", "Construction", "Transport", "Tourism", "Education", "Health care")
PLATFORMS = ("Desktop", "Mobile", "Tablet", "Television", "Console")
REGIONS = ("Europe", "Asia", "Africa", "North America", "South America", "Oceania", "Middle East", "Caribbean")
MEDALS = ("Gold", "Silver", "Bronze")
YEARS, QUARTERS = ("years",), ("quarters",)
SOURCES = (
    "World Bank", "Statista", "Eurostat", "OECD", "United Nations", "Annual report", "Our World in Data", "IMF", "WHO",
    "National Statistics Office", "Company data", "Pew Research Center", "Own survey", "Ministry of Health", "FAO",
    "International Energy Agency", "US Census Bureau", "Gallup", "UNESCO",
)  # fmt: skip
_PLACES = ("in {}", "in {}", "of {}", "for {}", "across {}")


@dataclass(frozen=True)
class Topic:
    """What a chart may be about.

    Attributes:
        title: its subject, which begins the title.
        value_title: what its values are, for the axis.
        unit: put after a value: `%`, or before it: `$`; or none.
        label_title: what its labels are, for the axis.
        labels: what to take the labels from.
        series: what to take the series' names from.
        scales: largest values, roughly.
    """

    title: str
    value_title: str
    unit: str
    label_title: str
    labels: tuple[str, ...]
    series: tuple[str, ...]
    scales: tuple[float, ...]


TOPICS = (
    Topic("Population", "Population in millions", "", "Country", COUNTRIES, YEARS, (50, 100, 300, 1500)),
    Topic("Population growth", "Annual growth", "%", "Year", YEARS, COUNTRIES, (2, 5, 10)),
    Topic("Gross domestic product", "Billion US dollars", "", "Country", COUNTRIES, YEARS, (500, 2000, 20000)),
    Topic("Inflation rate", "Inflation", "%", "Year", YEARS, COUNTRIES, (5, 10, 20)),
    Topic("Unemployment rate", "Share of labour force", "%", "Year", YEARS, COUNTRIES, (10, 20, 30)),
    Topic("Internet users", "Share of population", "%", "Country", COUNTRIES, YEARS, (100,)),
    Topic("Electricity generation by source", "Terawatt hours", "", "Source", ENERGY, COUNTRIES, (100, 500, 2000)),
    Topic("Energy mix", "Share", "%", "Energy source", ENERGY, YEARS, (40, 60, 100)),
    Topic("Monthly rainfall", "Rainfall (mm)", "", "Month", MONTHS, CITIES, (100, 200, 300)),
    Topic("Average temperature", "Temperature (°C)", "", "Month", MONTHS, CITIES, (25, 35)),
    Topic("Quarterly revenue", "Revenue in millions", "$", "Quarter", QUARTERS, PRODUCTS, (20, 50, 200, 1000)),
    Topic("Units sold", "Units (thousands)", "", "Product", PRODUCTS, YEARS, (20, 100, 500)),
    Topic("Sales by region", "Sales (million euros)", "€", "Region", REGIONS, PRODUCTS, (50, 200, 800)),
    Topic("Food production", "Million tonnes", "", "Product", FOODS, COUNTRIES, (50, 200, 800)),
    Topic("Price per kilogram", "Price", "$", "Product", FOODS, YEARS, (5, 10, 20)),
    Topic("Employees by department", "Number of employees", "", "Department", DEPARTMENTS, YEARS, (50, 200, 1000)),
    Topic("Exam results", "Average score", "", "Subject", SUBJECTS, GENDERS, (10, 20, 100)),
    Topic("Students enrolled", "Students", "", "Subject", SUBJECTS, YEARS, (100, 500, 2000)),
    Topic("Favourite sports", "Respondents", "%", "Sport", SPORTS, AGES, (40, 60, 100)),
    Topic("Members of sports clubs", "Members", "", "Sport", SPORTS, YEARS, (500, 2000, 10000)),
    Topic("Commuting by mode of transport", "Share of trips", "%", "Mode", TRANSPORT, CITIES, (40, 60, 80)),
    Topic("Survey results", "Share of respondents", "%", "Answer", ANSWERS, AGES, (50, 60)),
    Topic("Hours of screen time", "Hours a day", "", "Age group", AGES, PLATFORMS, (4, 8)),
    Topic("Visitors", "Visitors (thousands)", "", "Day", WEEKDAYS, CITIES, (5, 20, 100)),
    Topic("Olympic medals", "Medals", "", "Country", COUNTRIES, MEDALS, (20, 50)),
    Topic("Value added by sector", "Share of GDP", "%", "Sector", SECTORS, COUNTRIES, (50, 80)),
    Topic("CO2 emissions", "Tonnes per person", "", "Year", YEARS, COUNTRIES, (5, 10, 20)),
    Topic("Life expectancy", "Years", "", "Country", COUNTRIES, GENDERS, (90,)),
    Topic("Website traffic", "Visits in thousands", "", "Month", MONTHS, PLATFORMS, (50, 200, 1000)),
    Topic("Tourist arrivals", "Arrivals (millions)", "", "Year", YEARS, REGIONS, (10, 50, 200)),
)


def title_ending(place: str, number: int) -> str:
    """Say what or where a chart's figures are from.

    Args:
        place: a place or a year.
        number: chooses a preposition.

    Returns:
        Such as `in Spain`.
    """
    return _PLACES[number % len(_PLACES)].format(place)
